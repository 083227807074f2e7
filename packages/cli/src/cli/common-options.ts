import type { VerbOption } from './verb.ts'

/** Prints JSON. */
export const json: VerbOption = { name: 'json', about: 'print JSON' }

/** The folder of the gateway. */
export const gatewayHome: VerbOption = {
  name: 'home',
  value: 'DIR',
  about: 'the folder of the gateway; default PROCURA_HOME, or procura in XDG_CONFIG_HOME or ~/.config',
}

/** The key of an encrypted key file. */
export const keyFile: VerbOption = {
  name: 'key-file',
  value: 'FILE',
  about: 'the key of an encrypted key file; default: the passphrase in PROCURA_KEY_PASSPHRASE, or from the terminal',
}

/** The same where an agent may be made. */
export const newDelegationsKeyFile: VerbOption = {
  name: 'delegations-key-file',
  value: 'FILE',
  about:
    'encrypt the delegations of a new agent under this key file, which is made if it is missing; or the key of an agent that has it',
}

/** The key of an encrypted file of delegations. */
export const delegationsKeyFile: VerbOption = {
  name: 'delegations-key-file',
  value: 'FILE',
  about:
    'the key of an encrypted file of delegations; default: the passphrase in PROCURA_DELEGATIONS_PASSPHRASE, or from the terminal',
}

/** The log of delegations and revocations. */
export const ledger: VerbOption = {
  name: 'ledger',
  value: 'DIR',
  about: 'record it in a log in this directory, which no service writes, for `procura log could`',
}
