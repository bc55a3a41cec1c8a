/* Takes in the answers that an export carries: its files call these two functions. */
"use strict";

function alexnetExport(index) {
  Explorer.exported = index;
}

function alexnetAnswers(answers) {
  Object.assign(Explorer.answers, answers);
}
