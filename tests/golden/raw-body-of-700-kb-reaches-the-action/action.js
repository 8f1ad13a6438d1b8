function main({ __ow_body }) { return { length: __ow_body.length }; }
