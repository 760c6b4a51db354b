/** Files: whether the server takes them, what is being uploaded, and pictures as the page may show them. */
import type { Attachment } from '@chatcluster/sdk';

import { chat } from './chat.svelte';
import { wordsFor } from './wording';

/** Pictures kept in memory; the oldest goes first. */
const KEPT = 80;
/** The protocol's bound of one message. */
export const FILES_MAX = 10;

export interface PendingFile {
  readonly key: string;
  readonly file: File;
  /** For pictures: what the browser shows before the server has it. */
  readonly preview: string | null;
  state: 'uploading' | 'done' | 'failed';
  problem: string | null;
  attachment: Attachment | null;
}

let keys = 0;

/** The files of one message that is being written. */
export class Uploads {
  files = $state<PendingFile[]>([]);

  get busy(): boolean {
    return this.files.some(({ state }) => state === 'uploading');
  }

  get ready(): Attachment[] {
    return this.files.flatMap(({ attachment }) => attachment ?? []);
  }

  get failed(): boolean {
    return this.files.some(({ state }) => state === 'failed');
  }

  add(files: Iterable<File>): void {
    for (const file of files) {
      if (this.files.length >= FILES_MAX) {
        chat.say(`A message takes at most ${FILES_MAX} files.`);
        return;
      }
      const preview = file.type.startsWith('image/') ? URL.createObjectURL(file) : null;
      const key = `file-${keys++}`;
      this.files.push({ key, file, preview, state: 'uploading', problem: null, attachment: null });
      void this.#upload(key);
    }
  }

  retry(key: string): void {
    void this.#upload(key);
  }

  remove(key: string): void {
    const gone = this.files.find((file) => file.key === key);
    if (gone?.preview) URL.revokeObjectURL(gone.preview);
    this.files = this.files.filter((file) => file.key !== key);
  }

  clear(): void {
    for (const { key } of [...this.files]) this.remove(key);
  }

  async #upload(key: string): Promise<void> {
    const find = () => this.files.find((file) => file.key === key);
    const pending = find();
    if (!pending) return;
    pending.state = 'uploading';
    pending.problem = null;
    try {
      const attachment = await chat.client.upload(pending.file, pending.file.name || 'file');
      const held = find();
      if (held) Object.assign(held, { state: 'done', attachment });
    } catch (error) {
      const held = find();
      if (held) Object.assign(held, { state: 'failed', problem: wordsFor(error) });
    }
  }
}

class Files {
  /** Whether the server takes files; the button is hidden until it is known. */
  accepted = $state(false);
  #asked = false;
  readonly #pictures = new Map<string, Promise<string>>();

  constructor() {
    chat.client.on('connection', (state) => {
      if (state === 'online' && !this.#asked) void this.#probe();
    });
    chat.client.on('signedOut', () => this.clear());
  }

  /** An address that an `img` may show: the bytes are fetched with the token, which no address then holds. */
  picture(url: string): Promise<string> {
    const known = this.#pictures.get(url);
    if (known) return known;
    const fetched = chat.client.file(url).then((blob) => URL.createObjectURL(blob));
    this.#pictures.set(url, fetched);
    fetched.catch(() => this.#pictures.delete(url));
    const [oldest] = this.#pictures.keys();
    if (this.#pictures.size > KEPT && oldest !== undefined) this.#drop(oldest);
    return fetched;
  }

  async save({ url, fileName }: Pick<Attachment, 'url' | 'fileName'>): Promise<void> {
    const address = URL.createObjectURL(await chat.client.file(url));
    const link = Object.assign(document.createElement('a'), { href: address, download: fileName });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  clear(): void {
    for (const url of [...this.#pictures.keys()]) this.#drop(url);
    this.accepted = false;
    this.#asked = false;
  }

  #drop(url: string): void {
    const address = this.#pictures.get(url);
    this.#pictures.delete(url);
    address?.then((a) => URL.revokeObjectURL(a)).catch(() => {});
  }

  async #probe(): Promise<void> {
    this.#asked = true;
    this.accepted = await chat.client.takesFiles();
  }
}

export const files = new Files();
