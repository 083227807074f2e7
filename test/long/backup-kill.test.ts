import { killsOfBackup } from '../../packages/cli/test/cli/home/backup-kills.ts'

killsOfBackup(true)
