type Listener = (...values: unknown[]) => void;

/** What commander uses of Node's EventEmitter: listeners by name, called in the order they came. */
export class EventEmitter {
  readonly #listeners = new Map<string, readonly Listener[]>();

  /** Adds a listener; the same one twice is called twice. */
  on(name: string, listener: Listener): this {
    this.#listeners.set(name, [...this.#of(name), listener]);
    return this;
  }

  /** Calls the listeners of this name, and says whether there were any. */
  emit(name: string, ...values: unknown[]): boolean {
    const listeners = this.#of(name);
    for (const listener of listeners) listener.apply(this, values);
    return listeners.length > 0;
  }

  /** How many listeners there are of this name. */
  listenerCount(name: string): number {
    return this.#of(name).length;
  }

  #of(name: string): readonly Listener[] {
    return this.#listeners.get(name) ?? [];
  }
}
