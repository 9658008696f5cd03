# Exit statuses and functions for methods written in sh. Source it:
#
#     . /lib/svc/share/smf_include.sh
#
# It must do nothing when it is sourced but define names, and must run in any POSIX shell.
# Functions that need variables of their own run in a subshell, so that no name of the
# method is touched. ROOST_ROOT is the root of the roost that runs the method; unset is "/".

# How a method says what became of it. Any other status but 0 is a failure worth a retry.
SMF_EXIT_OK=0
SMF_EXIT_NODAEMON=94
SMF_EXIT_ERR_FATAL=95
SMF_EXIT_ERR_CONFIG=96
SMF_EXIT_MON_DEGRADE=97
SMF_EXIT_MON_OFFLINE=98
SMF_EXIT_ERR_NOSMF=99
SMF_EXIT_ERR_PERM=100
SMF_EXIT_TEMP_TRANSIENT=102
SMF_EXIT_DEGRADED=103

# Does svc.startd run here?
smf_present() {
	[ -S "${ROOST_ROOT:-}/run/roost/svc.startd.socket" ]
}

# Forget what svc.startd told this method, so that a program it starts cannot be misled.
# The contract's own mark stays: the program still belongs to the service.
smf_clear_env() {
	unset SMF_FMRI SMF_METHOD SMF_RESTARTER SMF_ZONENAME
}

# smf_method_exit STATUS TOKEN MESSAGE
#
# Exit with STATUS and tell svc.startd why: TOKEN, one word, becomes the auxiliary state, and
# MESSAGE, one line, is what svcs -x says. MESSAGE goes to the log too.
smf_method_exit() {
	if [ -n "${ROOST_CONTRACT-}" ]; then
		{
			printf '%s\n%s\n' "${2-}" "${3-}" \
				>|"${ROOST_ROOT-}/run/roost/method/${ROOST_CONTRACT%%@*}"
		} 2>/dev/null || : # then the log has it alone
	fi
	[ -z "${3-}" ] || printf '%s\n' "$3" >&2
	exit "${1:-1}"
}

# Copy standard input to the administrator's console and to standard output.
smf_console() (
	fifo="${ROOST_ROOT:-}/run/roost/console"
	if [ -p "$fifo" ] && [ -r "$fifo" ] && [ -w "$fifo" ]; then
		# Open for reading too: then a console that nobody reads holds up no method.
		exec 3<>"$fifo"
		tee /dev/fd/3
	elif [ -p "$fifo" ] && [ -w "$fifo" ] && smf_present; then
		tee "$fifo"
	elif (: >/dev/console) 2>/dev/null; then
		tee /dev/console
	else
		cat
	fi
)

# Linux has no zones: all is the global one.
smf_zonename() {
	echo "${SMF_ZONENAME:-global}"
}

smf_is_globalzone() {
	[ "${SMF_ZONENAME:-global}" = global ]
}

smf_is_nonglobalzone() {
	! smf_is_globalzone
}

# Type of the file system that is mounted on the root directory.
_smf_root_type() (
	found=
	while read -r _ directory type _; do
		[ "$directory" = / ] && found=$type
	done </proc/mounts
	echo "$found"
)

smf_root_is_ramdisk() {
	case $(_smf_root_type) in
	rootfs | ramfs | tmpfs) return 0 ;;
	esac
	return 1
}

# Is it for this system to set up its IP interfaces?
smf_configure_ip() {
	smf_is_globalzone
}

smf_dont_configure_ip() {
	! smf_configure_ip
}

# Is there nothing to set up for virtual consoles?
smf_dont_configure_vt() {
	! [ -c /dev/tty1 ]
}

# Labels are a matter of Trusted Extensions.
smf_is_system_labeled() {
	return 1
}

# How was the network set up to reach the root file system? Sets _INIT_NET_STRATEGY to
# "dhcp" or "none", and _INIT_NET_IF to the interface if the kernel was told one.
smf_netstrategy() {
	_INIT_NET_STRATEGY=none
	_INIT_NET_IF=
	case $(_smf_root_type) in
	nfs*)
		# ip=CLIENT:SERVER:GATEWAY:MASK:HOST:DEVICE:AUTOCONF, or ip=AUTOCONF alone
		_INIT_NET_IF=$(tr ' ' '\n' </proc/cmdline | sed -n 's/^ip=//p' | cut -s -d: -f6)
		if tr ' ' '\n' </proc/cmdline | grep -Eq '^ip=(.*:)?(dhcp|on|any)(:|$)'; then
			_INIT_NET_STRATEGY=dhcp
		fi
		;;
	esac
	export _INIT_NET_STRATEGY _INIT_NET_IF
}

# _smf_contract_processes CONTRACT HELPER
#
# Print the living processes of a contract, one pid a line, but not this shell, nor HELPER
# (the subshell that asks) with all it started to find out.
#
# A process belongs to it if it was started with the contract's mark in its environment, or
# shares the session of one that was, or descends from one that belongs.
_smf_contract_processes() (
	cd /proc || exit 1
	# The mark is ID@PID of svc.startd; outside of a method any svc.startd will do.
	startd=${ROOST_CONTRACT-}
	startd=${startd#*@}
	marked=$(grep -lszx "ROOST_CONTRACT=$1@${startd:-[0-9]*}" [0-9]*/environ | cut -d/ -f1 | tr '\n' ' ')
	[ -n "$marked" ] || exit 0
	cat [0-9]*/stat 2>/dev/null | awk -v marked="$marked" -v self="$$" -v helper="$2" '
		{
			pid = $1
			# The name is in parentheses and may hold anything, also parentheses.
			if (pid !~ /^[0-9]+$/ || !sub(/^.*\) /, "")) next
			if ($1 == "Z" || $1 == "X") next
			parent[pid] = $2
			session[pid] = $4
		}
		function is_own(pid,   at, steps) {
			if (pid == self) return 1
			for (at = pid; at in parent && steps < 1000; steps++) {
				if (at == helper) return 1
				at = parent[at]
			}
			return 0
		}
		END {
			count = split(marked, pids, " ")
			for (i = 1; i <= count; i++) {
				pid = pids[i]
				if (!(pid in parent) || is_own(pid)) continue
				member[pid] = 1
				shared[session[pid]] = 1
			}
			delete shared[session[self]]
			do {
				grown = 0
				for (pid in parent) {
					if (pid in member || is_own(pid)) continue
					if ((session[pid] in shared) || (parent[pid] in member)) {
						member[pid] = 1
						grown = 1
					}
				}
			} while (grown)
			for (pid in member) print pid
		}'
)

# _smf_signal_contract CONTRACT HELPER SIGNAL
#
# Fails if a process is there that cannot be signalled.
_smf_signal_contract() (
	failed=0
	for pid in $(_smf_contract_processes "$1" "$2"); do
		# What is gone meanwhile is no failure.
		kill -s "$3" "$pid" 2>/dev/null || ! [ -d "/proc/$pid" ] || failed=1
	done
	return "$failed"
)

# smf_kill_contract CONTRACT SIGNAL [WAIT [TIMEOUT]]
#
# Send SIGNAL to every process of the contract, whose id is a method's %{restarter/contract}.
# With WAIT 1, wait until none is left: look every 0.2 seconds, send again every 5, and give
# up after TIMEOUT seconds (0, the default, is never).
# Returns 0; 1 if the contract or signal is none, or a process cannot be signalled; 2 if the
# time has passed.
smf_kill_contract() (
	# $$ is the pid of the whole script, also in here; this subshell has another.
	read -r helper _ </proc/self/stat
	contract=$1
	signal=${2#-}
	signal=${signal#SIG}
	wait=${3:-0}
	timeout=${4:-0}
	case $contract in
	'' | *[!0-9]*)
		echo "smf_kill_contract: '$contract' is not the id of a contract" >&2
		return 1
		;;
	esac
	case $signal in
	'' | *[!0-9]*) ;;
	*) signal=$(kill -l "$signal" 2>/dev/null) || signal= ;;
	esac
	if [ -z "$signal" ] || ! kill -l | tr -s ' \t' '\n' | sed 's/^SIG//' | grep -qx "$signal"; then
		echo "smf_kill_contract: '${2:-}' is not a signal" >&2
		return 1
	fi
	case $timeout in
	*[!0-9]*)
		echo "smf_kill_contract: '$timeout' is not a number of seconds" >&2
		return 1
		;;
	esac

	_smf_signal_contract "$contract" "$helper" "$signal" || return 1
	[ "$wait" = 1 ] || return 0
	looks=0
	while [ -n "$(_smf_contract_processes "$contract" "$helper")" ]; do
		if [ "$timeout" -gt 0 ] && [ "$looks" -ge "$((timeout * 5))" ]; then
			return 2
		fi
		sleep 0.2
		looks=$((looks + 1))
		if [ "$((looks % 25))" -eq 0 ]; then
			_smf_signal_contract "$contract" "$helper" "$signal" || return 1
		fi
	done
	return 0
)
