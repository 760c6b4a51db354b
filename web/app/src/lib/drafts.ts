/** Text that was typed and not sent, one per room, kept over reloads. */

const PREFIX = 'chatcluster.draft.';

export function loadDraft(userId: string, roomId: string): string {
  try {
    return localStorage.getItem(`${PREFIX}${userId}.${roomId}`) ?? '';
  } catch {
    return '';
  }
}

export function saveDraft(userId: string, roomId: string, text: string): void {
  try {
    const key = `${PREFIX}${userId}.${roomId}`;
    if (text.trim()) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // Storage may be full or forbidden; then a draft lives as long as the page.
  }
}

/** Signing out leaves nothing readable behind. */
export function dropDrafts(userId: string): void {
  try {
    const prefix = `${PREFIX}${userId}.`;
    const keys = Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i));
    for (const key of keys) if (key?.startsWith(prefix)) localStorage.removeItem(key);
  } catch {
    // Nothing could be written either.
  }
}
