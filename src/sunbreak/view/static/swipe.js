// The swipe: a handle that cuts the right picture off at its place. Mouse, touch, pen and keyboard.

const STEP = 2;
const LEAP = 10;

/**
 * @param {HTMLElement} handle with role=slider, inside the stage
 * @param {HTMLElement} right what is seen to the right of the handle only
 * @param {(percent: number) => void} moved is told the place, 0 to 100
 * @returns {(percent: number) => void} moves the handle
 */
export function makeSwipe(handle, right, moved) {
  let place = 50;

  function put(percent) {
    place = Math.min(100, Math.max(0, percent));
    handle.style.left = `${place}%`;
    right.style.clipPath = `inset(0 0 0 ${place}%)`;
    handle.setAttribute("aria-valuenow", Math.round(place));
    handle.setAttribute("aria-valuetext", `${Math.round(place)} % of the width shows the left picture`);
  }

  function move(percent) {
    put(percent);
    moved(place);
  }

  handle.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.setPointerCapture(event.pointerId);
    handle.focus({ focusVisible: false });
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const stage = handle.parentElement.getBoundingClientRect();
    move((100 * (event.clientX - stage.left)) / stage.width);
  });
  handle.addEventListener("keydown", (event) => {
    const to = {
      ArrowLeft: place - STEP, ArrowDown: place - STEP, ArrowRight: place + STEP, ArrowUp: place + STEP,
      PageDown: place - LEAP, PageUp: place + LEAP, Home: 0, End: 100,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });
  put(place);
  return put;
}
