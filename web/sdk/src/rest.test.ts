import { beforeEach, describe, expect, it } from 'vitest';

import { Http } from './http.js';
import { RestApi } from './rest.js';

let asked: string[];
let answer: unknown;
let rest: RestApi;

beforeEach(() => {
  asked = [];
  answer = { data: [], nextCursor: null };
  const fetch = async (url: string, init: RequestInit) => {
    asked.push([init.method, url.replace('/api/v1', ''), init.body].filter(Boolean).join(' '));
    return new Response(JSON.stringify(answer), { status: 200 });
  };
  const bearer = { token: () => 'token', renew: async () => {} };
  rest = new RestApi(new Http({ baseUrl: '', bearer, fetch: fetch as typeof globalThis.fetch }));
});

describe('stories', () => {
  it('are listed, published, looked at, liked, commented and deleted', async () => {
    await rest.stories();
    await rest.createStory({ content: 'hi', attachmentId: 'f' });
    await rest.viewStory('s');
    await rest.likeStory('s');
    await rest.likeStory('s', false);
    await rest.storyComments('s');
    await rest.commentStory('s', 'nice');
    await rest.deleteStory('s');
    expect(asked).toEqual([
      'GET /stories',
      'POST /stories {"content":"hi","attachmentId":"f"}',
      'POST /stories/s/view {}',
      'PUT /stories/s/like',
      'DELETE /stories/s/like',
      'GET /stories/s/comments',
      'POST /stories/s/comments {"content":"nice"}',
      'DELETE /stories/s',
    ]);
  });
});

describe('reports', () => {
  it('are made by anybody and decided by admins', async () => {
    await rest.report({ targetType: 'message', targetId: 'm', reason: 'Spam' });
    await rest.admin.reports('pending');
    await rest.admin.reports('resolved', 'c', 10);
    await rest.admin.decide('r', 'resolved', 'warned');
    await rest.admin.decide('r', 'rejected');
    expect(asked).toEqual([
      'POST /reports {"targetType":"message","targetId":"m","reason":"Spam"}',
      'GET /admin/reports?status=pending&limit=50',
      'GET /admin/reports?status=resolved&cursor=c&limit=10',
      'PATCH /admin/reports/r {"status":"resolved","note":"warned"}',
      'PATCH /admin/reports/r {"status":"rejected"}',
    ]);
  });
});

it('admins list people, give roles, ban and let in again, and remove what was written', async () => {
  await rest.admin.users();
  await rest.admin.setRole('u', 'ADMIN');
  await rest.admin.ban('u', 'Spam');
  await rest.admin.ban('u', 'Spam', new Date(0));
  await rest.admin.unban('u');
  await rest.admin.deleteMessage('m');
  await rest.admin.deleteRoom('r/../x');
  await rest.admin.audit('7');
  expect(asked).toEqual([
    'GET /admin/users?limit=50',
    'PATCH /admin/users/u {"role":"ADMIN"}',
    'PUT /admin/users/u/ban {"reason":"Spam"}',
    'PUT /admin/users/u/ban {"reason":"Spam","until":"1970-01-01T00:00:00.000Z"}',
    'DELETE /admin/users/u/ban',
    'DELETE /admin/messages/m',
    'DELETE /admin/rooms/r%2F..%2Fx',
    'GET /admin/audit?cursor=7&limit=50',
  ]);
});

it('an export is asked for and followed by its id', async () => {
  answer = { exportId: 'e1' };
  expect(await rest.requestExport()).toBe('e1');
  answer = { status: 'ready', url: '/api/v1/me/export/e1/file' };
  expect(await rest.export('e1')).toEqual(answer);
  await rest.deleteAccount('secret12');
  expect(asked).toEqual([
    'POST /me/export {}',
    'GET /me/export/e1',
    'DELETE /me {"password":"secret12"}',
  ]);
});
