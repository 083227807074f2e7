import type { Verb, VerbOption } from './verb.ts'

const width = 28

/** The first words of the verbs under each title. Those that are not named follow under the last one. */
const titles: readonly (readonly [title: string, words: readonly string[]])[] = [
  ['Keys out of an agent', ['wrap', 'login', 'api', 'run', 'unwrap']],
  ['The gateway', ['start', 'stop', 'reload', 'status', 'service', 'doctor', 'backup', 'restore', 'serve']],
  [
    'What agents may do, and what they did',
    [
      'policy',
      'allow',
      'invite',
      'join',
      'renew',
      'approve',
      'revoke',
      'tools',
      'rotate',
      'passphrase',
      'agent',
      'log',
    ],
  ],
  ['Programs that agents start', ['connect', 'hook']],
  ['Keys, delegations, vaults and logs', []],
]

/** The help of the whole program: a line for each verb, and one for each group of verbs. */
export function helpOf(verbs: readonly Verb[]): readonly string[] {
  const named = titles.flatMap(([, words]) => words)
  const rest = [...new Set(verbs.map(firstWordOf))].filter((word) => !named.includes(word))
  const rows = titles.flatMap(([title, words]) => {
    const below = [...words, ...(words.length === 0 ? rest : [])].flatMap((word) => rowsOf(word, verbs))
    return [title, ...below, '']
  })
  return [
    'procura: authority, credentials and audit logs on the command line',
    '',
    ...rows,
    'procura help VERB explains a verb or a group of verbs, with options and an example; procura --version prints the version.',
    '',
    'Exit codes: 0 yes, or done; 1 no: a negative answer, such as a refused call or a modified log; 2 an invalid command',
    'line, or a failure.',
    'Data goes to standard output, everything else to standard error. Keys and tokens come from files or standard input,',
    'never from the command line.',
  ]
}

/** The help of a group of verbs: a line for each. */
export function helpOfGroup(verbs: readonly Verb[]): readonly string[] {
  return [
    ...verbs.map((verb) => row(`procura ${callOf(verb)}`, verb.about, 36)),
    '',
    'procura help VERB explains one of them, with its options and an example.',
  ]
}

function firstWordOf({ name }: Verb): string {
  return name.split(' ')[0] as string
}

/** A line for each verb that begins with a word, or one line for three and more. */
function rowsOf(word: string, verbs: readonly Verb[]): readonly string[] {
  const own = verbs.filter((verb) => firstWordOf(verb) === word)
  const names = own.map(({ name }) => name.slice(word.length + 1))
  return own.length < 3
    ? own.map((verb) => row(`procura ${callOf(verb)}`, verb.about, 30))
    : [row(`procura ${word} …`, names.join(', '), 30)]
}

/**
 * The help of one verb.
 *
 * @param verbs - all verbs, among which those below this one are named.
 */
export function helpOfVerb(verb: Verb, verbs: readonly Verb[]): readonly string[] {
  const exits = verb.negative === undefined ? '0 done' : `0 yes; 1 no: ${verb.negative}`
  return [
    `procura ${callOf(verb)}: ${verb.about}`,
    '',
    ...verb.options.map((option) => row(labelOf(option), aboutOf(option), width)),
    ...(verb.options.length > 0 ? [''] : []),
    ...verbs.filter(({ name }) => name.startsWith(`${verb.name} `)).map(({ name }) => `See also: procura help ${name}`),
    `Example: ${verb.example}`,
    `Exit codes: ${exits}; 2 an invalid command line, or a failure.`,
  ]
}

function callOf({ name, operands }: Verb): string {
  return operands === '' ? name : `${name} ${operands}`
}

function labelOf({ name, short, value }: VerbOption): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`
}

function aboutOf({ about, many, choices }: VerbOption): string {
  const listed = choices === undefined ? '' : `: ${choices.join(', ')}`
  return `${about}${listed}${many === true ? '; repeatable' : ''}`
}

function row(label: string, about: string, column: number): string {
  return `  ${label.padEnd(column)}  ${about}`
}
