/** The REST routes of admins, one method each; everybody else is refused with `forbidden`. */
import type { Http } from './http.js';
import type { AuditEntry, Page, Report, ReportStatus, User, UserRole } from './types.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
type Query = Record<string, string | number | undefined>;

export class AdminApi {
  constructor(private readonly http: Http) {}

  /** The latest first. */
  reports(status: ReportStatus, cursor?: string, limit = 50): Promise<Page<Report>> {
    return this.#ask('GET', '/reports', { query: { status, cursor, limit } });
  }

  decide(reportId: string, status: 'resolved' | 'rejected', note?: string): Promise<void> {
    const body = { status, ...(note ? { note } : {}) };
    return this.#ask('PATCH', `/reports/${seg(reportId)}`, { body });
  }

  users(cursor?: string, limit = 50): Promise<Page<User>> {
    return this.#ask('GET', '/users', { query: { cursor, limit } });
  }

  setRole(userId: string, role: UserRole): Promise<User> {
    return this.#ask('PATCH', `/users/${seg(userId)}`, { body: { role } });
  }

  /** Signs out and keeps out, until then or for good. */
  ban(userId: string, reason: string, until?: Date): Promise<void> {
    const body = { reason, ...(until ? { until: until.toISOString() } : {}) };
    return this.#ask('PUT', `/users/${seg(userId)}/ban`, { body });
  }

  unban(userId: string): Promise<void> {
    return this.#ask('DELETE', `/users/${seg(userId)}/ban`);
  }

  deleteMessage(messageId: string): Promise<void> {
    return this.#ask('DELETE', `/messages/${seg(messageId)}`);
  }

  deleteRoom(roomId: string): Promise<void> {
    return this.#ask('DELETE', `/rooms/${seg(roomId)}`);
  }

  /** What admins did, and what was refused; the latest first. */
  audit(cursor?: string, limit = 50): Promise<Page<AuditEntry>> {
    return this.#ask('GET', '/audit', { query: { cursor, limit } });
  }

  #ask<T>(method: Method, path: string, rest: { query?: Query; body?: unknown } = {}): Promise<T> {
    return this.http.request<T>(`/api/v1/admin${path}`, { method, ...rest });
  }
}

function seg(id: string): string {
  return encodeURIComponent(id);
}
