/** The argument types of `procura/arguments` that a configuration can give to an argument. */
export type ArgumentTypeName = 'email' | 'hostName' | 'ipAddress' | 'oneLine' | 'path' | 'segment' | 'shellWord' | 'url'

/** All of them. */
export const argumentTypeNames: readonly ArgumentTypeName[] = Object.freeze<ArgumentTypeName[]>([
  ...(['email', 'hostName', 'ipAddress', 'oneLine', 'path', 'segment', 'shellWord', 'url'] as const),
])
