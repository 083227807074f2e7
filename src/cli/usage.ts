/** The command line is invalid. The message is printed. */
export class UsageError extends Error {}

/** The help page of the program. */
export const usage = `procura: credentials and audit logs on the command line

  procura vault put NAME     store a credential; the secret is read from standard input, or from the terminal
      --origin URL           an allowed origin, in full; repeatable
      --bearer               send the secret as \`Authorization: Bearer\`
      --header NAME          send it in this header
      --query NAME           send it as this query parameter
      --method METHOD        an allowed method; repeatable; default GET and HEAD
      --path-prefix PATH     allow only paths below this one; default all paths of the origin
      --allow-header NAME    a header that the handler may send; repeatable; default all headers with harmless names
      --command COMMAND      a command that may use the credential; repeatable; default all
      --subject DID          a subject whose calls may use the credential; repeatable; default all
      --leasable             the handler may receive the secret; required without --origin
      --bytes                store the secret unchanged; default: as text, without one line feed at its end
  procura vault rotate NAME  store the next version of a secret
      --bytes                as for \`put\`
  procura vault list         list the credentials, never their secrets; --json includes the rules
  procura vault remove NAME  remove a credential with all its versions
  procura vault change-key   encrypt the vault with another key
      --new-key-file PATH    the new key; default: the passphrase in PROCURA_VAULT_NEW_PASSPHRASE
  procura vault new-key      create the file that --key-file names

      --file PATH            the vault; created by the first \`put\`
      --key-file PATH        its key; default: the passphrase in PROCURA_VAULT_PASSPHRASE

  procura audit verify DIR   check a log in JSON lines; exits with 1 and reports the first invalid record
      --prefix NAME          the start of its file names; default audit
      --sequence N --hash H  the last record, if known from elsewhere: detects a truncated log
  procura audit open DIR     list the intents without an outcome
  procura audit ocsf DIR     print an unmodified log as OCSF events, one a line
      --product P --vendor V the product and the vendor that write the log

  --json                     print JSON
  --help, --version

Exit codes: 0 success; 1 a negative answer, such as a modified log; 2 an invalid command or a failure.
`
