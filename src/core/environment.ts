/** An environment by name; of a name that is given twice the first counts, as in getenv(3). */
export function environmentMap(entries: readonly string[]): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, equals);
    if (equals > 0 && !map.has(name)) map.set(name, entry.slice(equals + 1));
  }
  return map;
}
