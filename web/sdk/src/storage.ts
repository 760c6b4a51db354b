/** Where the client keeps what must outlive a reload: tokens and unsent messages. */

type Awaitable<T> = T | Promise<T>;

/** A string store; implement it over IndexedDB, AsyncStorage, a file … */
export interface KeyValueStore {
  get(key: string): Awaitable<string | null>;
  set(key: string, value: string): Awaitable<void>;
  remove(key: string): Awaitable<void>;
  /** Every key that starts with `prefix`. */
  keys(prefix: string): Awaitable<string[]>;
}

/** Forgets everything with the process; the default outside browsers. */
export class MemoryStore implements KeyValueStore {
  readonly #entries = new Map<string, string>();

  get(key: string): string | null {
    return this.#entries.get(key) ?? null;
  }

  set(key: string, value: string): void {
    this.#entries.set(key, value);
  }

  remove(key: string): void {
    this.#entries.delete(key);
  }

  keys(prefix: string): string[] {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix));
  }
}

/** `localStorage` (or `sessionStorage`); shared by the tabs of one origin. */
export class WebStore implements KeyValueStore {
  constructor(private readonly storage: Storage) {}

  get(key: string): string | null {
    return this.storage.getItem(key);
  }

  set(key: string, value: string): void {
    this.storage.setItem(key, value);
  }

  remove(key: string): void {
    this.storage.removeItem(key);
  }

  keys(prefix: string): string[] {
    return Array.from({ length: this.storage.length }, (_, i) => this.storage.key(i)).filter(
      (key): key is string => key?.startsWith(prefix) ?? false,
    );
  }
}

/** `localStorage` where it exists and may be used (private modes refuse it), memory elsewhere. */
export function defaultStore(): KeyValueStore {
  try {
    const storage = globalThis.localStorage;
    storage.setItem('chatcluster.probe', '1');
    storage.removeItem('chatcluster.probe');
    return new WebStore(storage);
  } catch {
    return new MemoryStore();
  }
}
