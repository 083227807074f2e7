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

/** The key of an encrypted file of delegations. */
export const delegationsKeyFile: VerbOption = {
  name: 'delegations-key-file',
  value: 'FILE',
  about:
    'the key of an encrypted file of delegations; default: the passphrase in PROCURA_DELEGATIONS_PASSPHRASE, or from the terminal',
}
