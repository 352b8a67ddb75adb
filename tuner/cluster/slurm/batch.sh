#!/bin/bash
# The search `@NAME@`: one job, which brings a Ray cluster for its length and takes it away. Made by `tuner slurm script`.
# Submitted again it continues the search. `tuner status @NAME@ --storage ...` on the login node says how it goes.
@DIRECTIVES@

set -u
export PATH=@BIN@:"$PATH" PYTHONSAFEPATH=1@PYTHONPATH@
say() { echo "$(date '+%F %T') slurm: $*"; }
inside() { python -m "tuner.cluster.slurm.$1" "${@:2}"; }
attended() { "$@" & while kill -0 $! 2> /dev/null; do wait $!; done; }   # so that a signal is heeded meanwhile

# Others share these nodes: Ray's files, sockets, ports and token are this job's alone, and its dashboard is not started. The
# token reaches the nodes in the environment, which nobody else can read.
RUN=$(inside room) || exit 1
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RUN RAY_AUTH_TOKEN RAY_AUTH_MODE=token
on_nodes() {
  srun --overlap --export=ALL --ntasks-per-node=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --kill-on-bad-exit=0 --wait=0 "$@"
}
on_first() { on_nodes --nodes=1 --ntasks=1 --nodelist="$SLURMD_NODENAME" "$@"; }

# The end is near: Slurm sends USR1 to this script alone, @WARNING@ s before the time limit, and SIGTERM to the steps when it
# preempts the job. Both make the search checkpoint as Ctrl-C does; Ray outlives the signal until that is done.
deadline='' ended=''
warn() {
  say "the time limit is near: the search checkpoints"
  deadline=$((SECONDS + @PATIENCE@))
  touch "$RUN/warned"
  scancel --signal=TERM "$SLURM_JOB_ID"
}
trap warn USR1
trap 'ended=yes' TERM   # scancel, the limit itself, or a preemption without warning: what comes after is Slurm's affair

# The head, then the others once it can be reached. What Slurm gave each of them, Ray is told from Slurm's own variables.
say "job $SLURM_JOB_ID on $SLURM_JOB_NODELIST, requeued ${SLURM_RESTART_COUNT:-0} times; Ray's files are in $RUN"
on_first python -m tuner.cluster.slurm.node head &
head=$!
until [ -s "$RUN/address" ]; do
  kill -0 "$head" 2> /dev/null || { say "the head of the Ray cluster did not start"; exit 3; }
  sleep 0.2
done
RAY_ADDRESS=$(cat "$RUN/address")
export RAY_ADDRESS
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  others=$((SLURM_JOB_NUM_NODES - 1))
  on_nodes --nodes="$others" --ntasks="$others" --exclude="$SLURMD_NODENAME" --no-kill python -m tuner.cluster.slurm.node worker &
  attended inside node wait
fi

# The search, unless the end has come before it.
code=143
if [ -z "$deadline$ended" ]; then
  {
    trap : TERM   # also then it says how the search has ended
    on_first \
      @LAUNCH@
    { echo $? > "$RUN/code"; } 2> /dev/null   # unless nobody waits for it any more
  } &
  search=$!
  until [ -s "$RUN/code" ]; do
    kill -0 "$search" 2> /dev/null || break
    if [ -n "$deadline" ] && [ "$SECONDS" -ge "$deadline" ]; then
      say "the running epochs take longer than the warning: they are lost, the checkpoints are not"
      break
    fi
    sleep 1 &
    wait $!
  done
  code=$(cat "$RUN/code" 2> /dev/null || echo 130)
fi
warned=$(test -e "$RUN/warned" && echo yes)
touch "$RUN/over"   # ends Ray here, and unless the job has been cancelled the signal does on every node; its files go
[ -n "$ended" ] || scancel --signal=USR2 "$SLURM_JOB_ID"

# 130 is an interrupted search, 143 one that had not begun. After `tuner stop` or `scancel` the job is over.
if [ -n "$warned" ] && [ -z "$ended" ] && { [ "$code" = 130 ] || [ "$code" = 143 ]; }; then
  if inside progress @PROGRESS@; then
    if scontrol requeue "$SLURM_JOB_ID"; then
      say "requeued; the next run continues"
    else # where jobs may not be requeued, a new one waits for the end of this one
      unset RUN RAY_AUTH_TOKEN RAY_ADDRESS
      sbatch --dependency="afterany:$SLURM_JOB_ID" "$0" && say "submitted again; the next run continues"
    fi
    code=0
  fi
fi
wait
say "the job ends with exit code $code"
exit "$code"
