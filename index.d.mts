// `import` and `require` return the same functions, with the same types.
export * from './index.js';
