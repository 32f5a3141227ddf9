/** Resolves after so many ms, or when it is over. */
export function sleeping(ms: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, Math.max(0, ms));
    function done(): void {
      clearTimeout(timer);
      over.removeEventListener('abort', done);
      resolve();
    }
    if (over.aborted) done();
    else over.addEventListener('abort', done);
  });
}
