import tseslint from 'typescript-eslint'

const pure = [
  'libs/admin/admin-api',
  'libs/base/foreign-text',
  'libs/base/ip',
  'libs/dns/frame-streams',
  'libs/dns/dnstap',
  'libs/dns/dns-wire',
  'libs/dns/domain-list',
  'libs/dns/domain-matcher',
  'libs/bgp/bgp-wire',
  'libs/bgp/bgp-session',
  'libs/bgp/route-table',
  'libs/policy',
  'libs/steering',
  'libs/store/ip-store',
  'libs/bus/bus',
  'libs/peer/peer-sync',
]
const tests = ['**/*.test.ts', '**/test/**/*.ts', '**/testing/**/*.ts', '**/bench/**/*.ts']

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'run/**', '.nx/**', 'libs/steering/src/generated/**', '**/*.js'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: {
      parserOptions: {
        // One program for all files takes half the time of one for each lib. tsc -b checks what each lib may use.
        project: ['./tsconfig.lint.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use `const X = {...} as const`.' },
      ],
      eqeqeq: 'error',
    },
  },
  {
    // Protocols and rules are told the time and the dice (STYLE: which way dependencies point).
    files: pure.map((lib) => `${lib}/src/**/*.ts`),
    ignores: tests,
    rules: {
      'no-restricted-globals': ['error', 'Date', 'performance', 'crypto'],
      'no-restricted-properties': ['error', { object: 'Math', property: 'random' }],
      'no-restricted-imports': ['error', { patterns: ['node:*'] }],
    },
  },
  { files: ['vitest.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
  { files: tests, rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
)
