# watchdog.sh NAME FOLDER PROGRAM [ARGUMENT]...
#
# Runs PROGRAM for as long as the writing end of standard input is open, and leaves FOLDER/NAME.pid and, once the program
# has ended, FOLDER/NAME.status. A line on standard input: end the program, keep the folder. The end of standard input,
# which comes however our user ended: end the program, then remove the folder.
name=$1 folder=$2
shift 2
# Whoever ends all processes of a session ends PROGRAM too, but the folder still has to go.
trap : HUP INT TERM
exec 3<&0 </dev/null

"$@" 3<&- &
program=$!
echo "$program" >"$folder/$name.pid"

{
  trap : HUP INT TERM
  read -r order
  keep=$?
  # The status is there once the program's id is free for others.
  if [ ! -e "$folder/$name.status" ]; then
    kill -TERM "$program" 2>/dev/null
    tenths=0
    while kill -0 "$program" 2>/dev/null; do
      [ "$tenths" -lt 50 ] || kill -KILL "$program" 2>/dev/null
      tenths=$((tenths + 1))
      sleep 0.1
    done
  fi
  exit "$keep"
} <&3 3<&- &
reader=$!
exec 3<&-

# A trapped signal ends `wait` before the process has ended.
ended() {
  while :; do
    wait "$1"
    result=$?
    kill -0 "$1" 2>/dev/null || return "$result"
  done
}

ended "$program"
echo "$?" >"$folder/$name.status"
ended "$reader" || rm -rf -- "$folder"
