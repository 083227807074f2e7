import { killsOfRenew } from '../../packages/cli/test/cli/home/renew-kills.ts'

killsOfRenew(true)
