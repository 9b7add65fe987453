#!/bin/sh
# A port's child in plain shell. Op "count": counts to "to" (3), a tenth of a second each.
# No JSON parser is needed: a parent's frames begin with type, id and op, in this order.
set -u
exec 3>&1 1>&2
workers=

say() { printf '%s\n' "$1" >&3; }

count() { # id, how far
    # Names of their own: a trap that runs inside of "say" would find its arguments in $1.
    me=$1 far=$2
    trap 'say "{\"type\":\"error\",\"id\":\"$me\",\"kind\":\"cancelled\",\"message\":\"cancelled\"}"; exit 0' TERM
    n=0
    while [ "$n" -lt "$far" ]; do
        say "{\"type\":\"progress\",\"id\":\"$me\",\"percent\":$((100 * n / far)),\"stage\":\"counting\"}"
        sleep 0.1
        n=$((n + 1))
    done
    # From here on it is too late for a cancel: one end each, whatever happens.
    trap '' TERM
    say "{\"type\":\"result\",\"id\":\"$me\",\"counted\":$n}"
}

request() { # the frame without its beginning
    id=${1%%'"'*}
    rest=${1#"$id"'","op":"'}
    op=${rest%%'"'*}
    to=3
    case $rest in *'"to":'[0-9]*) to=${rest#*'"to":'} to=${to%%[!0-9]*} ;; esac
    case $op in
        count)
            count "$id" "$to" &
            workers="$workers $id=$!"
            ;;
        *) say "{\"type\":\"error\",\"id\":\"$id\",\"kind\":\"input\",\"message\":\"there is no such op\"}" ;;
    esac
}

cancel() { # id
    for worker in $workers; do
        case $worker in
            "$1"=*)
                kill "${worker##*=}" && wait "${worker##*=}"
                # Killed before it could set its trap: it has said nothing.
                [ $? -lt 129 ] || say "{\"type\":\"error\",\"id\":\"$1\",\"kind\":\"cancelled\",\"message\":\"cancelled\"}"
                ;;
        esac
    done
}

say "{\"type\":\"hello\",\"name\":\"plain.sh\",\"version\":\"1\",\"pid\":$$,\"ops\":[\"count\"],\"protocol\":1}"
while IFS= read -r line; do
    case $line in
        '{"type":"request","id":"'*'","op":"'*'"'*'}') request "${line#'{"type":"request","id":"'}" ;;
        '{"type":"cancel","id":"'*'"}') line=${line#'{"type":"cancel","id":"'} && cancel "${line%%'"'*}" ;;
        '{"type":"bye"'*'}') wait && exit 0 ;;
        '') ;;
        *) say '{"type":"error","id":"","kind":"input","message":"a line is no frame"}' ;;
    esac
done
# stdin has ended: so does everything.
for worker in $workers; do kill "${worker##*=}"; done
wait
exit 0
