import { UsageError } from '../usage-error.ts'

/** What a service manager starts at the login of a user. */
export interface ServiceStart {
  /** The words that start this program, with absolute paths. */
  readonly program: readonly string[]
  /** The home folder of the gateway. */
  readonly home: string
  /** `PATH` of the person who installs the service: the programs of the servers are found by it. */
  readonly path: string | undefined
  /** Its variables about the network, without a password. Default: none. */
  readonly network?: Readonly<Record<string, string>>
}

/**
 * The unit of systemd for a gateway of a user. GTW-80
 *
 * @throws UsageError when a path has a character that a unit cannot have.
 */
export function userUnit(start: ServiceStart): string {
  const {
    program: [node = '', ...words],
    home,
  } = start
  const variables = variablesOf(start).map(([name, value]) => `Environment=${unitWord(`${name}=${value}`)}\n`)
  const line = [unitWord(node), ...[...words, 'serve', '--home', home].map((word) => unitWord(word, '$$'))]
  return `[Unit]
Description=Procura gateway
StartLimitIntervalSec=0

[Service]
Type=exec
${variables.join('')}ExecStart=${line.join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=10
TimeoutStopSec=30
KillMode=mixed
NoNewPrivileges=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
LimitCORE=0

[Install]
WantedBy=default.target
`
}

/** A word of a unit. A percent sign begins a specifier, and in arguments a dollar sign a variable. */
function unitWord(word: string, dollar = '$'): string {
  checkText(word)
  const text = word
    .replace(/[\\"]/g, '\\$&')
    .replaceAll('%', '%%')
    .replaceAll('$', () => dollar)
  return /^[\w./:=@+-]+$/.test(text) ? text : `"${text}"`
}

/** Whether a unit or a property list is one of a gateway, and of this home folder. */
export function describeService(text: string, home: string): { readonly isOurs: boolean; readonly isSame: boolean } {
  const isOurs = text.includes('Description=Procura gateway\n') || text.includes(`<string>${launchLabel}</string>`)
  const ends = [`serve --home ${unitWord(home, '$$')}\n`, `<string>--home</string>\n    ${xmlString(home)}\n`]
  return { isOurs, isSame: isOurs && ends.some((end) => text.includes(end)) }
}

/** The label of the agent of launchd. */
export const launchLabel = 'procura.gateway'

/** The property list of launchd for a gateway of a user. Nothing here was run on macOS. */
export function launchAgent(start: ServiceStart): string {
  const { program, home } = start
  const words = [...program, 'serve', '--home', home].map(xmlString).join('\n    ')
  const variables = variablesOf(start).map(([name, value]) => `    <key>${name}</key>\n    ${xmlString(value)}\n`)
  const environment =
    variables.length === 0
      ? ''
      : `  <key>EnvironmentVariables</key>
  <dict>
${variables.join('')}  </dict>
`
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${launchLabel}</string>
  <key>ProgramArguments</key>
  <array>
    ${words}
  </array>
${environment}  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
</dict>
</plist>
`
}

function variablesOf({ path, network = {} }: ServiceStart): readonly [string, string][] {
  return [...(path === undefined ? [] : [['PATH', path] satisfies [string, string]]), ...Object.entries(network)]
}

function xmlString(text: string): string {
  checkText(text)
  return `<string>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</string>`
}

/** A control character would begin another line of a unit, and so another setting. */
function checkText(text: string): void {
  if (/\p{Cc}/u.test(text))
    throw new UsageError(
      'a path or variable of the service has a control character; use another home folder, PATH or NO_PROXY',
    )
}
