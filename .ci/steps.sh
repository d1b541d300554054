# Sourced by the scripts beside it: the name and the time of each step.

step_name=
step_times=

step() {
    end_step
    step_name=$*
    step_start=$SECONDS
    printf '\n==> %s\n' "$*"
}

end_step() {
    if [ -n "$step_name" ]; then
        step_times+=$(printf '%6d s  %s' $((SECONDS - step_start)) "$step_name")$'\n'
        step_name=
    fi
}

print_times() {
    end_step
    printf '\n%s%6d s  %s\n' "$step_times" "$SECONDS" "$(basename "$0") in all"
}

debian() {
    local sudo=()
    if [ "$(id -u)" != 0 ]; then sudo=(sudo); fi
    "${sudo[@]}" apt-get update -q
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
