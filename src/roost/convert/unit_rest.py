"""What a unit can say and a service of roost cannot, each with the reason. Pure data.

What stands in none of these tables is named all the same, with a general reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from roost.convert.ledger import Kind, Setting

_SCRIPT = "a start method that is a script can do it"
_RESTARTS = "roost starts it again whenever it ends"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some settings are not carried over. ``keys`` are patterns with blanks between."""

    keys: str
    why: str
    instead: str = ""
    kind: Kind = Kind.LOST
    is_off_by_default: bool = False
    """Is "no" what holds here anyway? Then saying so loses nothing."""

    def covers(self, key: str) -> bool:
        """Is this the reason for the setting ``key``?"""
        return any(fnmatchcase(key, pattern) for pattern in self.keys.split())


REASONS = (
    Reason(
        """Private* Protect* ProcSubset Restrict[ANRS]* SystemCall* LockPersonality RemoveIPC
        MemoryDenyWriteExecute ReadWritePaths ReadWriteDirectories ReadOnlyPaths
        ReadOnlyDirectories InaccessiblePaths InaccessibleDirectories ExecPaths NoExecPaths
        TemporaryFileSystem BindPaths BindReadOnlyPaths MountAPIVFS MountFlags MountImages
        RootDirectory RootImage* RootHash* RootVerity RootEphemeral Extension* KeyringMode
        SecureBits AppArmorProfile SELinuxContext* SmackProcessLabel NetworkNamespacePath
        IPCNamespacePath UserNamespacePath DevicePolicy DeviceAllow Personality Capabilities
        IPAddressAllow IPAddressDeny SocketBind* BPFProgram NFTSet IPIngress* IPEgress*
        JoinsNamespaceOf""",
        "roost does not confine services",
        is_off_by_default=True,
    ),
    Reason(
        """Memory* CPUQuota* CPUWeight CPUShares CPUAccounting Startup* IO* BlockIO* Tasks*
        ManagedOOM* OOMPolicy AllowedCPUs AllowedMemoryNodes DefaultMemory* CoredumpReceive
        Slice Delegate* ControlGroup* DisableControllers IPAccounting""",
        "roost keeps services in no control groups",
        "method_context/limits can limit each process",
        is_off_by_default=True,
    ),
    Reason("CPUScheduling*", "roost sets no scheduling policy", "start it with chrt(1)"),
    Reason("NUMA* TimerSlackNSec LimitLOCKS CoredumpFilter", "roost cannot set it", _SCRIPT),
    Reason(
        "Syslog* LogLevelMax LogExtraFields LogRateLimit* LogFilterPatterns LogNamespace",
        "what a service prints goes to its log as it is",
        "logger(1) behind a pipe reaches syslog",
    ),
    Reason("StandardInput*", "the standard input of a method is /dev/null", _SCRIPT),
    Reason(
        "TTY* Utmp* SendSIGHUP ConditionControlGroup*",
        "methods have no terminal",
        is_off_by_default=True,
    ),
    Reason("PAMName", "roost opens no PAM session", "start it with runuser(1)"),
    Reason(
        "LoadCredential* SetCredential* ImportCredential",
        "roost hands over no credentials",
        _SCRIPT,
    ),
    Reason(
        "PassEnvironment UnsetEnvironment",
        "a method has the variables of smf_method(7) and method_context/environment alone",
    ),
    Reason(
        "RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus",
        f"{_RESTARTS}, whatever its exit status",
        "exit status 96 puts it in maintenance instead",
    ),
    Reason(
        "RestartSec RestartSteps RestartMaxDelaySec RestartMode",
        f"{_RESTARTS}, at once; after five quick ends it waits a second each time",
    ),
    Reason(
        """StartLimitAction FailureAction* OnFailure* JobTimeout* JobRunningTimeout*
        RebootArgument""",
        "a failed service goes to maintenance, and 'svcs -x' tells why",
        "'svccfg setnotify' can send mail",
    ),
    Reason("SuccessAction* OnSuccess* ExitType", "an end has no action of its own"),
    Reason(
        "Watchdog*",
        "roost expects no signs of life",
        "a service of yours can check it and run 'svcadm restart'",
        is_off_by_default=True,
    ),
    Reason(
        """TimeoutAbortSec TimeoutStartFailureMode TimeoutStopFailureMode FinalKillSignal
        RestartKillSignal""",
        "what is left at a time-out gets SIGKILL",
    ),
    Reason(
        "RuntimeMaxSec RuntimeRandomizedExtraSec", "no limit for that", "start it with timeout(1)"
    ),
    Reason(
        "Sockets FileDescriptorStore* NonBlocking USBFunction* OpenFile",
        "roost opens no sockets or files: the service has to do that itself",
        is_off_by_default=True,
    ),
    Reason("Upholds", "an enabled service is kept running anyway", "enable that service"),
    Reason(
        "Propagates?* PropagateReloadTo ReloadPropagatedFrom StopPropagatedFrom",
        "a refresh or stop is passed on only by restart_on of a dependency",
    ),
    Reason(
        "Condition* Assert*",
        "roost checks only whether a path exists",
        "a start method that is a script can check it and exit 95",
    ),
    Reason(
        "RootDirectoryStartOnly PermissionsStartOnly",
        "all methods run as the same user",
        "start/user can differ from method_context/user",
        is_off_by_default=True,
    ),
    Reason(
        "IgnoreSIGPIPE", "methods start with all signals at their default", is_off_by_default=True
    ),
    Reason(
        "PIDFile NotifyAccess BusName GuessMainPID BusPolicy",
        "roost finds a service's processes and state without it",
        kind=Kind.ASIDE,
    ),
    Reason(
        """RefuseManual* AllowIsolate StopWhenUnneeded IgnoreOn* CollectMode JobMode*
        OnFailureJobMode DefaultInstance SourcePath SurviveFinalKillSignal SysVStartPriority
        FsckPassNo""",
        "it is about systemctl, or about systemd itself",
        kind=Kind.ASIDE,
    ),
    Reason("X-*", "it is for another program than the service manager", kind=Kind.ASIDE),
)
_GENERAL = Reason("*", "roost has nothing like it")
_OFF = frozenset({"no", "false", "off", "0", "n", "f"})


def reason_for(setting: Setting) -> Reason | None:
    """Why a setting is not carried over; None if it says what holds here anyway."""
    found = next((each for each in REASONS if each.covers(setting.key)), _GENERAL)
    if found.is_off_by_default and setting.value.lower() in _OFF:
        return None
    return found
