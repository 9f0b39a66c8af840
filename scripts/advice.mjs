/**
 * Explains why cargo probably failed.
 *
 * @param {string} output what cargo printed
 * @returns {string | undefined} `undefined` if the output matches no known cause
 */
export const buildAdvice = output => {
  if (/linker .* not found|error: could not find .*link\.exe/.test(output)) {
    return (
      'Rust found no linker. Install a C compiler: on Debian or Ubuntu "build-essential", on macOS ' +
      '"xcode-select --install".'
    );
  }
  if (/failed to run custom build command|failed to find tool/.test(output)) {
    return 'The addon includes SQLite, whose compilation needs a C compiler ("cc" or $CC).';
  }
  if (/requires rustc|rustc \S+ is not supported|feature `edition2024`/.test(output)) {
    return 'This Rust is too old for the addon. Run "rustup update".';
  }
  if (/failed to download|Could not resolve host|spurious network error/.test(output)) {
    return 'Cargo could not reach the registry of Rust packages.';
  }
  return undefined;
};
