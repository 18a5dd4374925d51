export { UsageError } from '@dnstap-bgp/program'
