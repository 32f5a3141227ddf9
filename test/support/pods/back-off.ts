/**
 * How long a container that ended waits for its next start: client-go's util/flowcontrol/backoff.go as doBackOff of
 * pkg/kubelet/kuberuntime/kuberuntime_manager.go uses it, with 10 s and 5 min (pkg/kubelet/kubelet.go), Kubernetes 1.36.3. All
 * times in ms.
 */
export type BackOff = {
  /** At its end: how long from now on until it may be started. */
  wait(finishedAt: number, now: number): number;
  /** It is started. */
  next(finishedAt: number, now: number): void;
};

export function createBackOff(first = 10_000, most = 300_000): BackOff {
  let entry: { readonly delay: number; readonly at: number } | undefined;
  const expired = (time: number) => entry === undefined || time - entry.at > 2 * most;
  return {
    wait(finishedAt, now) {
      if (entry === undefined || expired(finishedAt)) return 0;
      return Math.max(0, finishedAt + entry.delay - now);
    },
    next(finishedAt, now) {
      const delay = entry === undefined || expired(finishedAt) ? first : Math.min(2 * entry.delay, most);
      entry = { delay, at: now };
    },
  };
}
