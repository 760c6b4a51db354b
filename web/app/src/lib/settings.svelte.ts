/** What this browser remembers of the user's taste: theme, notifications, own status. */
import type { PresenceStatus } from '@chatcluster/sdk';

export type Theme = 'system' | 'light' | 'dark';

interface Stored {
  theme: Theme;
  notifications: boolean;
  /** The offer to turn notifications on was declined. */
  notificationsDeclined: boolean;
  status: PresenceStatus;
  activity: string;
}

const KEY = 'chatcluster.settings';
const INITIAL: Stored = {
  theme: 'system',
  notifications: false,
  notificationsDeclined: false,
  status: 'online',
  activity: '',
};

class Settings {
  #stored = $state.raw<Stored>(read());

  constructor() {
    this.#applyTheme();
    addEventListener('storage', ({ key }) => {
      if (key !== KEY) return;
      this.#stored = read();
      this.#applyTheme();
    });
  }

  get current(): Stored {
    return this.#stored;
  }

  set(change: Partial<Stored>): void {
    this.#stored = { ...this.#stored, ...change };
    this.#applyTheme();
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#stored));
    } catch {
      // Storage may be full or forbidden; then the choice lives as long as the page.
    }
  }

  /** A status is one person's, not the browser's. */
  forgetPerson(): void {
    this.set({ status: INITIAL.status, activity: INITIAL.activity });
  }

  #applyTheme(): void {
    const { theme } = this.#stored;
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }
}

function read(): Stored {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Stored>;
    return { ...INITIAL, ...stored };
  } catch {
    return INITIAL;
  }
}

export const settings = new Settings();
