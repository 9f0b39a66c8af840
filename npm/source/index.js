'use strict';

module.exports = require('./swing-store-native.node');
