function main({ __ow_method }) { return { headers: { "x-method": __ow_method } }; }
