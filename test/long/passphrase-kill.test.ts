import { killsOfPassphrase } from '../../packages/cli/test/cli/home/passphrase-kills.ts'

killsOfPassphrase(true)
