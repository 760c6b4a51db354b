/** Which export of their data a user asked for last, in this browser. */

const PREFIX = 'chatcluster.export.';

export function loadExport(userId: string): string | null {
  try {
    return localStorage.getItem(PREFIX + userId);
  } catch {
    return null;
  }
}

export function saveExport(userId: string, exportId: string): void {
  try {
    localStorage.setItem(PREFIX + userId, exportId);
  } catch {
    // Without storage it is known as long as the settings are open.
  }
}

export function forgetExport(userId: string): void {
  try {
    localStorage.removeItem(PREFIX + userId);
  } catch {
    // Nothing could be written either.
  }
}
