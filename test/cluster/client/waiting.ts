/** The longest that anything is waited for, ms: far above what it takes. */
let longest = 90_000;

/** Waits longer, where the kubelet has the times of the field. */
export function bePatient(ms: number): void {
  longest = ms;
}

/**
 * Looks until something is there.
 *
 * @param look answers undefined as long as it is not; an error counts as not
 * @param shown what is said besides when it does not come
 */
export async function awaited<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  { patience = longest, shown = () => '' }: { patience?: number; shown?: () => string } = {},
): Promise<Value> {
  const end = Date.now() + patience;
  for (;;) {
    let cause: unknown;
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > end) throw new Error(`waited in vain for ${what}\n${shown()}`, { cause });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Lets time pass in which nothing may happen. */
export function quiet(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
