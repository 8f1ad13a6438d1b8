function main({ secret }) { return { length: secret.length }; }
