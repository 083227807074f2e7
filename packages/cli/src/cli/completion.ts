import type { Host } from './host.ts'
import { UsageError } from './usage-error.ts'
import type { Verb, VerbOption } from './verb.ts'

/** The shells with completions. */
export const shells: readonly string[] = ['bash', 'zsh', 'fish']

/**
 * `procura completion SHELL`: prints a script that completes verbs, options and their values. CLI-11
 *
 * @param verbs - everything that the program does.
 */
export function completion(words: readonly string[], verbs: readonly Verb[], host: Host): number {
  const [shell, ...more] = words
  if (more.length > 0 || shell === undefined || !shells.includes(shell))
    throw new UsageError(`name one shell: ${shells.join(', ')}`)
  const script = shell === 'fish' ? fishScript(verbs) : shell === 'zsh' ? zshScript(verbs) : bashScript(verbs)
  for (const line of script) host.print(line)
  return 0
}

/** The words that may follow each beginning of a command line: the first words, and the second words of a group. */
function wordsAfter(verbs: readonly Verb[]): ReadonlyMap<string, readonly string[]> {
  const after = new Map<string, string[]>([['', ['help']]])
  for (const { name } of verbs) {
    const [first = '', second] = name.split(' ')
    after.set('', [...(after.get('') ?? []), first])
    if (second !== undefined) after.set(first, [...(after.get(first) ?? []), second])
  }
  return new Map([...after].map(([before, words]) => [before, [...new Set(words)]]))
}

function bashScript(verbs: readonly Verb[]): readonly string[] {
  const after = wordsAfter(verbs)
  return [
    '# bash completion of procura: source <(procura completion bash)',
    '_procura() {',
    `  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}"`,
    `  local first="\${COMP_WORDS[1]}" second="\${COMP_WORDS[2]}" choices=""`,
    '  COMPREPLY=()',
    '  case "$before" in',
    ...valueCases(verbs).map(([names, choices]) => `    ${names}) ${replyOf(choices)}; return ;;`),
    '  esac',
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    choices="${after.get('')?.join(' ') ?? ''}"`,
    '  else',
    '    case "$first $second" in',
    ...verbs
      .filter(({ name }) => name.includes(' '))
      .map((verb) => `      "${verb.name}") choices="${optionsOf(verb)}" ;;`),
    '      *) case "$first" in',
    ...verbs
      .filter(({ name }) => !name.includes(' '))
      .map((verb) => `        ${verb.name}) choices="${optionsOf(verb)}" ;;`),
    '      esac ;;',
    '    esac',
    '    if [ "$COMP_CWORD" -eq 2 ]; then',
    '      case "$first" in',
    ...[...after]
      .filter(([first]) => first !== '')
      .map(([first, words]) => `        ${first}) choices="${words.join(' ')} $choices" ;;`),
    '      esac',
    '    fi',
    '  fi',
    '  COMPREPLY=($(compgen -W "$choices" -- "$word"))',
    `  if [ "\${#COMPREPLY[@]}" -eq 0 ] && [ "$COMP_CWORD" -gt 1 ]; then COMPREPLY=($(compgen -f -- "$word")); fi`,
    '}',
    'complete -o filenames -F _procura procura',
  ]
}

function optionsOf({ options }: Verb): string {
  return [...options.map(({ name }) => `--${name}`), '--help'].join(' ')
}

/** The options with a value, as patterns of `case`, by what their values are. */
function valueCases(
  verbs: readonly Verb[],
): readonly (readonly [names: string, choices: readonly string[] | 'file' | 'none'])[] {
  const options = new Map(verbs.flatMap((verb) => verb.options.map((option) => [option.name, option] as const)))
  const named = (is: (option: VerbOption) => boolean): string =>
    [...options.values()]
      .filter(is)
      .map(({ name }) => `--${name}`)
      .join('|')
  return [
    ...[...options.values()].flatMap(({ name, choices }) =>
      choices === undefined ? [] : [[`--${name}`, choices] as const],
    ),
    [named(isFile), 'file'],
    [named((option) => option.value !== undefined && option.choices === undefined && !isFile(option)), 'none'],
  ]
}

function isFile({ value }: VerbOption): boolean {
  return value === 'FILE' || value === 'DIR'
}

function replyOf(choices: readonly string[] | 'file' | 'none'): string {
  if (choices === 'none') return ':'
  return `COMPREPLY=($(compgen ${choices === 'file' ? '-f' : `-W "${choices.join(' ')}"`} -- "$word"))`
}

/** zsh runs completions of bash. */
function zshScript(verbs: readonly Verb[]): readonly string[] {
  return [
    '#compdef procura',
    '# zsh completion of procura: source <(procura completion zsh)',
    'autoload -U +X bashcompinit && bashcompinit',
    ...bashScript(verbs).slice(1),
  ]
}

function fishScript(verbs: readonly Verb[]): readonly string[] {
  const lines = ['# fish completion of procura: procura completion fish | source', 'complete -c procura -f']
  for (const [before, words] of wordsAfter(verbs)) {
    const when =
      before === ''
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${before}; and test (count (commandline -opc)) -eq 2`
    lines.push(`complete -c procura -n ${quoted(when)} -a ${quoted(words.join(' '))}`)
  }
  for (const verb of verbs) {
    const when = verb.name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ')
    if (verb.operands !== '') lines.push(`complete -c procura -n ${quoted(when)} -F`)
    for (const option of verb.options) {
      const { name, short, value, choices, about } = option
      const letter = short === undefined ? '' : ` -s ${short}`
      const values =
        value === undefined
          ? ''
          : choices === undefined
            ? isFile(option)
              ? ' -r -F'
              : ' -x'
            : ` -x -a ${quoted(choices.join(' '))}`
      lines.push(`complete -c procura -n ${quoted(when)} -l ${name}${letter}${values} -d ${quoted(about)}`)
    }
  }
  return lines
}

/** Text in single quotes, for fish. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
