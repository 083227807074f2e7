/**
 * The configurations of the guide on forward authentication, for the ports of a test.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../setup/entries.ts'

/** Where a proxy listens, and what is behind it. */
export interface Places {
  /** For the files of the proxy. */
  readonly folder: string
  readonly port: number
  readonly upstream: number
  readonly endpoint: number
}

/** Files of a proxy, by name, and the arguments with which it starts. */
export interface Configuration {
  readonly files: Readonly<Record<string, string>>
  readonly args: readonly string[]
}

const guide = readFileSync(`${root}spec/guides/forward-auth.md`, 'utf8')

/** The block of the guide with this first line, with the ports of the test. */
function block(first: string, { port, upstream, endpoint }: Places): string {
  const [, content] = guide.split(`\n    ${first}\n`)
  if (content === undefined) throw new Error(`the guide has no block ${first}`)
  const end = content.search(/\n(?! {4}|\n)/)
  const text = `${first}\n${content.slice(0, end < 0 ? undefined : end).replaceAll(/^ {4}/gm, '')}\n`
  return text
    .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
    .replace(/^:8080/, `http://:${port}`)
    .replaceAll('127.0.0.1:9000', `127.0.0.1:${endpoint}`)
    .replaceAll('127.0.0.1:7000', `127.0.0.1:${upstream}`)
}

/** By proxy. */
export const configurations: Readonly<Record<string, (places: Places) => Configuration>> = {
  nginx: (places) => {
    const { folder } = places
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    const temporary = paths.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')
    const content = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http {
access_log off; ${temporary}
${block('server {', places)}
}
`
    return { files: { 'nginx.conf': content }, args: ['-c', join(folder, 'nginx.conf')] }
  },
  caddy: (places) => ({
    files: { Caddyfile: `{\nadmin off\n}\n${block(':8080 {', places)}` },
    args: ['run', '--adapter', 'caddyfile', '--config', join(places.folder, 'Caddyfile')],
  }),
  haproxy: (places) => ({
    files: {
      'forward-auth.lua': block("core.register_action('forward-auth', { 'http-req' }, function(txn)", places),
      'haproxy.cfg': block('global', places).replace(
        '/etc/haproxy/forward-auth.lua',
        join(places.folder, 'forward-auth.lua'),
      ),
    },
    args: ['-db', '-f', join(places.folder, 'haproxy.cfg')],
  }),
}
