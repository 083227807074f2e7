import { shellQuoted } from './shell-quoted.ts'

/** The place of the gateway that a message is about. */
export interface CommandPlace {
  /** The home folder; undefined if it is unknown. */
  readonly home?: string | undefined
  /** A configuration that is not `gateway.json` of the home folder. */
  readonly config?: string
}

/** The verbs that take `--config` as well as `--home`. */
const verbsOfConfig: ReadonlySet<string> = new Set([
  'serve',
  'start',
  'stop',
  'reload',
  'status',
  'tools list',
  'tools accept',
  'approve',
])

/** The verbs that take `--home`. A test compares both lists with the verbs of the command line. */
const verbsOfHome: ReadonlySet<string> = new Set([
  ...verbsOfConfig,
  ...['wrap', 'unwrap', 'api add', 'api remove', 'doctor', 'delegate', 'attenuate', 'revoke', 'log', 'log could'],
  ...['connect', 'agent new', 'agent receive', 'agent list', 'agent show', 'hook', 'hook install', 'vault change-key'],
  ...[
    'rotate',
    'login',
    'policy',
    'allow',
    'service install',
    'renew',
    'backup',
    'restore',
    'passphrase',
    'invite',
    'join',
    'run',
  ],
])

const between = ' | procura '

/**
 * Adds the home folder to the commands in backticks of a message, where it is not the default one, so that each works
 * when it is pasted into another shell. CLI-30
 *
 * @param usual - the home folder without a variable or an option.
 */
export function withPlace(message: string, { home, config }: CommandPlace, usual: string): string {
  if (home === undefined) return message
  const whole = (words: string): string => {
    const [first = '', second = ''] = words.split(' ')
    const takes = (verbs: ReadonlySet<string>): boolean => verbs.has(`${first} ${second}`) || verbs.has(first)
    if (words.includes(' --home ') || words.includes(' --config ')) return words
    if (config !== undefined && takes(verbsOfConfig)) return `${words} --config ${shellQuoted(config)}`
    return home === usual || !takes(verbsOfHome) ? words : `${words} --home ${shellQuoted(home)}`
  }
  return message.replace(
    /`procura ([^`]*)`/g,
    (_, words: string) => `\`procura ${words.split(between).map(whole).join(between)}\``,
  )
}
