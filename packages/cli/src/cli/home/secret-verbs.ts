// node only: loads verbs that read files
import { gatewayHome, json } from '../common-options.ts'
import type { Verb, VerbOption } from '../verb.ts'

const vaultKeyFile: VerbOption = {
  name: 'key-file',
  value: 'FILE',
  about: 'the key file of the vault; default: as gateway.json has it',
}

/** The verbs about the secrets of a home folder, and about copies of it. */
export const secretVerbs: readonly Verb[] = [
  {
    name: 'login',
    operands: 'SERVER',
    about: 'log in to a server with OAuth behind the gateway, in a browser; its tokens go into the vault',
    options: [
      {
        name: 'client-id',
        value: 'ID',
        about: 'a client that is registered at the authorization server; its secret is asked for; default: a new one',
      },
      gatewayHome,
      vaultKeyFile,
      json,
    ],
    example: 'procura login github',
    run: async (...given) => (await import('../login/login.ts')).login(...given),
  },
  {
    name: 'rotate',
    operands: 'SERVER [NAME]',
    about:
      'store the new value of a key of a server or API behind the gateway; it is typed, or read from standard input',
    options: [gatewayHome, vaultKeyFile, json],
    example: 'procura rotate mail MAIL_KEY',
    run: async (...given) => (await import('./rotate.ts')).rotate(...given),
  },
  {
    name: 'backup',
    operands: 'DIR',
    about: 'copy the home folder of the gateway, which may run, into a new folder, without the key of the vault',
    options: [gatewayHome, vaultKeyFile, json],
    example: 'procura backup ~/procura-2026-12-03',
    run: async (...given) => (await import('./backup.ts')).backup(...given),
  },
  {
    name: 'restore',
    operands: 'DIR',
    about: 'make a home folder from a backup; what was delegated before ends, and `renew NAME` issues it again',
    options: [gatewayHome, vaultKeyFile, json],
    example: 'procura restore ~/procura-2026-12-03',
    run: async (...given) => (await import('./restore.ts')).restore(...given),
  },
  {
    name: 'passphrase',
    operands: '',
    about: 'give the vault and the key of the owner another passphrase, while the gateway does not run',
    options: [gatewayHome, json],
    example: 'procura passphrase',
    run: async (...given) => (await import('./passphrase.ts')).passphrase(...given),
  },
]
