/** A mistake in how the program was called; its message is what is printed. */
export class UsageError extends Error {}

/** What the program can do, for people. */
export const usage = `procura: credentials and audit logs on the command line

  procura vault put NAME     store a credential; the secret is read from standard input, or asked for at a terminal
      --origin URL           where it may be sent, in full; may be repeated
      --bearer               it is sent as \`Authorization: Bearer\`
      --header NAME          it is sent in a header of that name
      --query NAME           it is sent as a query parameter of that name
      --method METHOD        with which methods; may be repeated; default GET and HEAD
      --path-prefix PATH     below which path; default everywhere at the origin
      --allow-header NAME    with which headers of the handler; may be repeated; default all that are harmless by name
      --command COMMAND      for calls of which commands; may be repeated; default all
      --subject DID          for calls about which subjects; may be repeated; default all
      --leasable             may be handed to a handler; needed without --origin
      --bytes                the secret is stored as it is; else it is text, and one line end behind it is dropped
  procura vault rotate NAME  store the next version of a secret, read as \`put\` reads it
  procura vault list         list what is stored, never the secrets; with --json also the rules
  procura vault remove NAME  remove a credential with all its versions
  procura vault change-key   write everything anew under another key
      --new-key-file PATH    that key; else the passphrase is taken from PROCURA_VAULT_NEW_PASSPHRASE
  procura vault new-key      make the key file that --key-file names

      --file PATH            the vault; made by the first \`put\`
      --key-file PATH        its key; else the passphrase is taken from PROCURA_VAULT_PASSPHRASE

  procura audit verify DIR   check a log of JSON lines; ends with 1 and the first bad record when it was changed
      --prefix NAME          what its files begin with; default audit
      --sequence N --hash H  the last record, when it is known from elsewhere: finds a log that was cut short
  procura audit open DIR     list the intents of which the log does not say how they ended
  procura audit ocsf DIR     print a log that was not changed as events of OCSF, one a line
      --product P --vendor V who writes the log

  --json                     print JSON
  --help, --version

Ends with 0 when all is well, 1 when what was asked about is not, 2 when the call was wrong or failed.
`
