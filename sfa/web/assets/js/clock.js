// A place in a track, in words: 4:05, 1:02:03.
export function clock(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const tail = String(whole % 60).padStart(2, "0");
    const minutes = Math.floor(whole / 60);
    return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${tail}`;
}
