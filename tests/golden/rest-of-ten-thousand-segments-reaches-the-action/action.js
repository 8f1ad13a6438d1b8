function main({ rest }) { return { length: rest.length }; }
