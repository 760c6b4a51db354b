/** Who types where, and telling that we do. Both end by themselves: a lost `typing.stop` must not linger. */

/** The gateway ends typing after 6 s of silence; the grace lets a renewed start arrive. */
const EXPIRY_MS = 6_500;
/** Renewing every 3 s keeps below the gateway's 5 per 5 s with room for stops. */
const RENEW_MS = 3_000;
const IDLE_MS = 4_500;

/** The typing of others. */
export class TypingWatch {
  readonly #rooms = new Map<string, Map<string, ReturnType<typeof setTimeout>>>();

  constructor(private readonly onChange: (roomId: string) => void) {}

  users(roomId: string): string[] {
    return [...(this.#rooms.get(roomId)?.keys() ?? [])];
  }

  set(roomId: string, userId: string, isTyping: boolean): void {
    const users = this.#rooms.get(roomId) ?? new Map<string, ReturnType<typeof setTimeout>>();
    const known = users.has(userId);
    clearTimeout(users.get(userId));
    if (isTyping) {
      this.#rooms.set(roomId, users);
      users.set(
        userId,
        setTimeout(() => this.set(roomId, userId, false), EXPIRY_MS),
      );
    } else {
      users.delete(userId);
      if (users.size === 0) this.#rooms.delete(roomId);
    }
    if (known !== isTyping) this.onChange(roomId);
  }

  clear(): void {
    for (const [roomId, users] of [...this.#rooms]) {
      for (const userId of [...users.keys()]) this.set(roomId, userId, false);
    }
  }
}

/** Our own typing. Call `keystroke` as often as keys are hit. */
export class TypingNotifier {
  #roomId: string | null = null;
  #sentAt = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly send: (event: 'typing.start' | 'typing.stop', roomId: string) => void,
    private readonly now: () => number = Date.now,
  ) {}

  keystroke(roomId: string): void {
    if (this.#roomId !== roomId) this.stop();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), IDLE_MS);
    if (this.#roomId === roomId && this.now() - this.#sentAt < RENEW_MS) return;
    this.#roomId = roomId;
    this.#sentAt = this.now();
    this.send('typing.start', roomId);
  }

  /** The text was sent or given up. */
  stop(): void {
    clearTimeout(this.#idle);
    if (this.#roomId === null) return;
    this.send('typing.stop', this.#roomId);
    this.#roomId = null;
  }
}
