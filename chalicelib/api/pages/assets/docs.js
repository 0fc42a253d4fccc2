"use strict";

const page = document.getElementById("docs");

SwaggerUIBundle({
  domNode: page,
  url: page.dataset.url,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0, // many, and each is shown where it is used
  defaultModelExpandDepth: 2,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: false,
  validatorUrl: null, // no badge from elsewhere
});
