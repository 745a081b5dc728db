import { ExploreError } from '../../explore/options.js';

/** Where a Redis is. */
export interface RedisAddress {
  /** As messages say it: without a password. */
  readonly text: string;
  /** For ioredis. */
  readonly options: {
    readonly host?: string;
    readonly port?: number;
    readonly path?: string;
    readonly db?: number;
    readonly username?: string;
    readonly password?: string;
    readonly tls?: { readonly servername: string };
  };
}

const FORMS = 'redis://HOST:PORT[/DATABASE], rediss:// with TLS, or unix:///PATH[?db=DATABASE]';
const PORT = 6379;

/** Throws ExploreError. */
export function redisAddress(text: string): RedisAddress {
  const wrong = (): ExploreError =>
    new ExploreError(`${shown(text)} is no address of a Redis; give ${FORMS}`);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw wrong();
  }
  const { protocol, hostname, port, pathname, searchParams, username, password } = url;
  const login = {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
  const number = protocol === 'unix:' ? (searchParams.get('db') ?? '') : pathname.slice(1);
  if (!/^\d{0,4}$/.test(number)) throw wrong();
  const common = { ...login, ...(number !== '' && { db: Number(number) }) };
  if (protocol === 'unix:' && hostname === '' && pathname.length > 1)
    return { text: shown(text), options: { path: decodeURIComponent(pathname), ...common } };
  if (!['redis:', 'rediss:'].includes(protocol) || hostname === '') throw wrong();
  // Of an IPv6 address.
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return {
    text: shown(text),
    options: {
      host,
      port: port === '' ? PORT : Number(port),
      ...common,
      ...(protocol === 'rediss:' && { tls: { servername: host } }),
    },
  };
}

/** Passwords are nobody's business who reads a log. */
const shown = (text: string): string => text.replace(/^([a-z]+:\/\/[^/@:]*):[^@]*@/i, '$1:***@');
