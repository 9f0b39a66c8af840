/** The sources of the addon: a build is outdated if any of them is newer, and the source package contains all of them. */
export const addonSources = ['Cargo.toml', 'Cargo.lock', '.cargo/config.toml', 'build.rs', 'src', 'templates'];
