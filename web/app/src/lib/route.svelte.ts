/** Where the page is, kept in the URL's hash so that the server needs no rule for it. */

export type Route =
  | { view: 'login' }
  | { view: 'register' }
  | { view: 'home' }
  | { view: 'admin' }
  /** `seq`: the message to show. */
  | { view: 'room'; roomId: string; seq?: number };

export function parseRoute(hash: string): Route {
  const [, section, id, place] = hash.replace(/^#/, '').split('/');
  if (section === 'login') return { view: 'login' };
  if (section === 'register') return { view: 'register' };
  if (section === 'admin') return { view: 'admin' };
  if (section === 'rooms' && id) {
    const seq = Number(place);
    const room = { view: 'room', roomId: decodeURIComponent(id) } as const;
    return Number.isSafeInteger(seq) && seq > 0 ? { ...room, seq } : room;
  }
  return { view: 'home' };
}

export function hrefOf(route: Route): string {
  if (route.view === 'room') {
    return `#/rooms/${encodeURIComponent(route.roomId)}${route.seq ? `/${route.seq}` : ''}`;
  }
  return route.view === 'home' ? '#/' : `#/${route.view}`;
}

class Router {
  current = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    addEventListener('hashchange', () => {
      this.current = parseRoute(location.hash);
    });
  }

  go(route: Route): void {
    location.hash = hrefOf(route);
  }

  /** Goes there without a step in the browser's history. */
  replace(route: Route): void {
    history.replaceState(null, '', hrefOf(route));
    this.current = route;
  }
}

export const router = new Router();
