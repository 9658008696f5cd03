"""The scripts that `roost.cli.completion` prints: its levels in the language of each shell.

What a shell has to find out while somebody types (FMRIs, properties, snapshots) it asks of
svcs and svccfg. Only text is made here.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from roost import __version__
from roost.cli.completion import ARGUMENTS, WORDS, Level, subcommands_of

_STANDARD_PROPERTIES = (
    "general/enabled general/restarter restarter/state restarter/next_state "
    "restarter/state_timestamp restarter/auxiliary_state restarter/contract restarter/logfile "
    "start/exec start/timeout_seconds stop/exec stop/timeout_seconds"
)
"""Offered where no service is named yet."""
_STANDARD_SNAPSHOTS = "running start last-import previous initial"


def script(shell: str, levels: Sequence[Level]) -> str:
    """The script for ``bash``, ``zsh`` or ``fish``."""
    if shell == "fish":
        return _fish(levels)
    programs = " ".join(level.path[0] for level in levels if len(level.path) == 1)
    head = f"# {shell} completion for roost {__version__}\n"
    if shell == "zsh":
        head += "autoload -Uz bashcompinit && bashcompinit\n"
    return head + _bash_tables(levels) + _BASH + f"\ncomplete -F _roost_complete {programs}\n"


# --- bash, and zsh by its bashcompinit ---------------------------------------------------


def _bash_tables(levels: Sequence[Level]) -> str:
    """A function that knows every level, and one that knows the words of each kind."""
    table = "".join(_bash_level(level, levels) for level in levels)
    words = {
        **{kind: " ".join(some) for kind, some in WORDS.items()},
        "standard_properties": _STANDARD_PROPERTIES,
        "standard_snapshots": _STANDARD_SNAPSHOTS,
    }
    kinds = "\n".join(f"    {kind}) REPLY={shlex.quote(text)} ;;" for kind, text in words.items())
    return (
        "\n# Options, those of them that take an argument (with its kind), subcommands, operands.\n"
        f"_roost_level() {{\n    case $1 in\n{table}"
        "    *) flags= arguments= below= operands=() ;;\n    esac\n}\n"
        f"\n_roost_words_of() {{\n    case $1 in\n{kinds}\n    *) REPLY= ;;\n    esac\n}}\n"
    )


def _bash_level(level: Level, levels: Sequence[Level]) -> str:
    """One case of the table."""
    # A pattern to the shell, and --help does the same.
    flags = " ".join(option.flag for option in level.options if option.flag != "-?")
    arguments = " ".join(
        f"{option.flag}={ARGUMENTS[option.argument]}" for option in level.options if option.argument
    )
    below = " ".join(each.path[-1] for each in subcommands_of(level.path, levels))
    operands = [f"words {kind}" if " " in kind else kind for kind in level.operands]
    return (
        f"    {shlex.quote(' '.join(level.path))})\n"
        f"        flags={shlex.quote(flags)}\n"
        f"        arguments={shlex.quote(arguments)}\n"
        f"        below={shlex.quote(below)}\n"
        f"        operands=({' '.join(map(shlex.quote, operands))})\n"
        "        ;;\n"
    )


_BASH = r"""
# Sets words and at (index of the one at the cursor). Undoes the splitting of words at colons.
_roost_words() {
    local rest=$COMP_LINE n=0 last=-1 blanks word joins=
    words=()
    while [ "$n" -lt "${#COMP_WORDS[@]}" ]; do
        word=${COMP_WORDS[n]}
        blanks=${rest%%[![:blank:]]*}
        rest=${rest#"$blanks"}
        rest=${rest#"$word"}
        case $word in *[!:]* | '') ;; *) joins=yes ;; esac
        if [ "$last" -ge 0 ] && [ -z "$blanks" ] && [ -n "$joins" ]; then
            words[last]=${words[last]}$word
        else
            last=$((last + 1))
            words[last]=$word
        fi
        case $word in *[!:]* | '') joins= ;; esac
        [ "$n" -ne "$COMP_CWORD" ] || at=$last
        n=$((n + 1))
    done
}

# Run a command for the roost that the command line speaks to.
_roost_ask() {
    if [ -n "$root" ]; then
        ROOST_ROOT=$root "$@" 2>/dev/null
    else
        "$@" 2>/dev/null
    fi
}

# Offer those of the words that begin with what is typed.
_roost_offer() {
    local word
    for word in "$@"; do
        case $word in "$cur"*) COMPREPLY+=("$word") ;; esac
    done
}

# The same for lines of standard input.
_roost_offer_lines() {
    local word
    while IFS= read -r word; do
        [ -z "$word" ] || _roost_offer "$word"
    done
}

# Offer a word that was not offered before.
_roost_offer_once() {
    case $offered in
    *" $1 "*) ;;
    *)
        offered="$offered$1 "
        _roost_offer "$1"
        ;;
    esac
}

# FMRIs, and abbreviations: the end of the service's name, with the instance once there is a
# colon. With "entity", services too. Nothing but the last part of names before a letter is typed.
_roost_offer_fmris() {
    local fmri name instance offered=' '
    while IFS= read -r fmri; do
        name=${fmri#svc:/}
        instance=
        case $name in *:*) instance=:${name##*:} ;; '') continue ;; esac
        name=${name%:*}
        case $cur in
        s | sv | svc | svc:*)
            [ "$1" != entity ] || _roost_offer_once "svc:/$name"
            _roost_offer_once "$fmri"
            ;;
        '') name=${name##*/} ;;
        esac
        while :; do
            case $cur in
            svc:*) ;;
            *:*) _roost_offer_once "$name$instance" ;;
            *) _roost_offer_once "$name" ;;
            esac
            case $name in */*) name=${name#*/} ;; *) break ;; esac
        done
    done <<END
$(_roost_ask svcs -a -H -o fmri)
$([ "$1" != entity ] || _roost_ask svccfg list)
END
}

_roost_offer_properties() {
    if [ -n "$entity" ]; then
        _roost_offer_lines <<END
$(_roost_ask svccfg -s "$entity" listprop | cut -d ' ' -f 1)
END
    else
        _roost_words_of standard_properties
        _roost_offer $REPLY
    fi
}

_roost_offer_snapshots() {
    if [ -n "$entity" ]; then
        _roost_offer_lines <<END
$(_roost_ask svccfg -s "$entity" listsnap)
END
    else
        _roost_words_of standard_snapshots
        _roost_offer $REPLY
    fi
}

# Several names of columns with commas between them; in capitals where these are typed.
_roost_offer_columns() {
    local before= word
    case $cur in *,*) before=${cur%"${cur##*,}"} ;; esac
    _roost_words_of column
    for word in $REPLY; do
        case ${cur##*,} in [A-Z]*) word=$(printf %s "$word" | tr a-z A-Z) ;; esac
        _roost_offer "$before$word"
    done
}

_roost_offer_files() {
    local word
    while IFS= read -r word; do
        [ -z "$word" ] || COMPREPLY+=("$word")
    done <<END
$(compgen "$1" -- "$cur")
END
    [ -z "${BASH_VERSION-}" ] || compopt -o filenames 2>/dev/null
}

_roost_offer_kind() {
    case $1 in
    text) ;;
    fmri | entity) _roost_offer_fmris "$1" ;;
    restarter)
        case $cur in
        /* | .* | '~'*) _roost_offer_files -d ;;
        *) _roost_offer_fmris fmri ;;
        esac
        ;;
    property) _roost_offer_properties ;;
    snapshot) _roost_offer_snapshots ;;
    columns) _roost_offer_columns ;;
    file) _roost_offer_files -f ;;
    directory) _roost_offer_files -d ;;
    'words '*) _roost_offer ${1#words } ;;
    *)
        _roost_words_of "$1"
        _roost_offer $REPLY
        ;;
    esac
}

# Sets REPLY to the kind of an option's argument, "" if it takes none.
_roost_kind_of() {
    REPLY=
    case " $arguments " in
    *" $1="*)
        REPLY=" $arguments "
        REPLY=${REPLY#*" $1="}
        REPLY=${REPLY%% *}
        ;;
    esac
}

# Take an option in; sets flag, and pending if its argument is the next word.
_roost_take_option() {
    local letters
    case $1 in
    --*)
        flag=$1
        _roost_kind_of "$1"
        pending=$REPLY
        return
        ;;
    esac
    letters=${1#-}
    while [ -n "$letters" ]; do
        flag=-${letters%"${letters#?}"}
        letters=${letters#?}
        _roost_kind_of "$flag"
        if [ -n "$REPLY" ]; then
            if [ -n "$letters" ]; then _roost_take_argument "$letters"; else pending=$REPLY; fi
            return
        fi
    done
}

_roost_take_argument() {
    local value=$1
    case $value in '~/'*) value=$HOME/${value#'~/'} ;; esac
    case $level:$flag:$value in
    svcs:-R:[/.]* | *:--root:*) root=$value ;;
    svcs:-R:*) ;;
    *:-R:*) root=$value ;;
    svccfg:-s:*) entity=$value ;;
    esac
}

_roost_complete() {
    local cur level root= entity= pending= flag= only_operands= flags arguments below REPLY word
    local words operands n=1 at=0 count=0
    COMPREPLY=()
    _roost_words
    cur=${words[at]}
    level=${words[0]##*/}
    _roost_level "$level"
    while [ "$n" -lt "$at" ]; do
        word=${words[n]}
        n=$((n + 1))
        if [ -n "$pending" ]; then
            pending=
            _roost_take_argument "$word"
        elif [ -z "$only_operands" ] && [ "$word" = -- ]; then
            only_operands=yes
        elif [ -z "$only_operands" ] && [ "${word#-}" != "$word" ] && [ "$word" != - ]; then
            _roost_take_option "$word"
        elif [ -n "$below" ]; then
            level="$level $word"
            _roost_level "$level"
        else
            count=$((count + 1))
            only_operands=yes
            entity=${entity:-$word}
        fi
    done
    if [ "$level" = svcprop ]; then
        # The service mostly stands after the property that is asked for.
        while [ "$((n + 1))" -lt "${#words[@]}" ]; do
            n=$((n + 1))
            case ${words[n]} in -*) ;; *) entity=${entity:-${words[n]}} ;; esac
        done
    fi
    if [ -n "$pending" ]; then
        _roost_offer_kind "$pending"
    elif [ -z "$only_operands" ] && [ "${cur#-}" != "$cur" ]; then
        _roost_offer $flags
    elif [ -n "$below" ]; then
        _roost_offer $below
    elif [ "${#operands[@]}" -gt 0 ]; then
        [ "$count" -lt "${#operands[@]}" ] || count=$((${#operands[@]} - 1))
        _roost_offer_kind "${operands[count]}"
    fi
    # bash replaces only what stands after the last colon.
    case ${COMP_WORDBREAKS-} in *:*) ;; *) return 0 ;; esac
    case $cur in *:*) ;; *) return 0 ;; esac
    n=0
    while [ "$n" -lt "${#COMPREPLY[@]}" ]; do
        COMPREPLY[n]=${COMPREPLY[n]#"${cur%"${cur##*:}"}"}
        n=$((n + 1))
    done
}
"""


# --- fish ---------------------------------------------------------------------------------


def _fish(levels: Sequence[Level]) -> str:
    lines = [f"# fish completion for roost {__version__}", _FISH]
    for level in levels:
        program, *rest = level.path
        start = f"complete -c {program}"
        below = subcommands_of(level.path, levels)
        if not rest:
            lines.append(f"{start} -f")
        condition = _fish_condition(rest, [each.path[-1] for each in below])
        start += f" -n {shlex.quote(condition)}" if condition else ""
        lines += [
            f"{start} {_fish_option(option.flag, option.argument, option.help)}"
            for option in level.options
            if option.flag != "-?"
        ]
        lines += [f"{start} -a {each.path[-1]} -d {shlex.quote(each.summary)}" for each in below]
        lines += [f"{start} {_fish_kind(kind)}" for kind in level.operands]
    return "\n".join(lines) + "\n"


def _fish_condition(rest: Sequence[str], below: Sequence[str]) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in rest]
    if below:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(below)}")
    return "; and ".join(seen)


def _fish_option(flag: str, argument: str, text: str) -> str:
    kind = "l" if flag.startswith("--") else "s"
    parts = [f"-{kind} {flag.lstrip('-')}"]
    if argument:
        parts.append("-r " + _fish_kind(ARGUMENTS[argument]))
    if text:
        parts.append(f"-d {shlex.quote(text)}")
    return " ".join(parts)


def _fish_kind(kind: str) -> str:
    """What to offer for a kind, as arguments of fish's ``complete``."""
    calls = {
        "fmri": "(__roost_fmris)",
        "entity": "(__roost_fmris)",
        "restarter": "(__roost_fmris; __fish_complete_directories)",
        "directory": "(__fish_complete_directories)",
        "property": _STANDARD_PROPERTIES,
        "snapshot": _STANDARD_SNAPSHOTS,
        "columns": " ".join(WORDS["column"]),
        "text": "",
    }
    if kind == "file":
        return "-F"
    offered = calls.get(kind, " ".join(WORDS.get(kind, (kind,))))
    return f"-f -a {shlex.quote(offered)}" if offered else "-f"


_FISH = r"""
function __roost_fmris
    set -l root (string match -r -- '(?:-R|--root)[ =]?([/.~]\S*)' (commandline -pc))[2]
    test -n "$root"; and set -lx ROOST_ROOT (string replace -r '^~' $HOME -- $root)
    set -l found (svcs -a -H -o fmri 2>/dev/null)
    printf '%s\n' $found
    printf '%s\n' $found | string replace -r '^svc:/(?:.*/)?' ''
    printf '%s\n' $found | string replace -r '^svc:/(?:.*/)?([^:]*):.*' '$1'
end
"""
