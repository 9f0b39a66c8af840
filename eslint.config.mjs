import js from '@eslint/js';
import globals from 'globals';

const noHarden = { name: 'harden', message: 'Without SES there is none; ask globalThis for it.' };

export default [
  // Installed, compiled, or TypeScript, which `tsc` checks.
  { ignores: ['node_modules/', 'target/', '.cache/', '**/*.d.ts', '**/*.d.mts'] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    languageOptions: { ecmaVersion: 2023, globals: globals.node },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-globals': ['error', noHarden],
      'no-shadow': 'error',
      'no-template-curly-in-string': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'no-use-before-define': ['error', { functions: false, variables: false }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  {
    files: ['index.js', 'bin/**/*.js', 'js/**/*.js', '**/*.cjs'],
    languageOptions: { sourceType: 'commonjs' },
    rules: { strict: ['error', 'global'] },
  },
  {
    // What runs in the page of a report, or is sent there by a test.
    files: ['src/report/**/*.js', '__test__/external/report/**/*.mjs'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['src/report/**/*.js'],
    languageOptions: { sourceType: 'script' },
  },
  {
    files: ['**/*.mjs'],
    languageOptions: { sourceType: 'module' },
  },
  {
    // Code that runs inside a vat, or beside the reference, may count on SES.
    files: ['__test__/**', 'bench/**'],
    languageOptions: { globals: { harden: 'readonly', lockdown: 'readonly', assert: 'readonly' } },
    rules: { 'no-restricted-globals': 'off' },
  },
];
