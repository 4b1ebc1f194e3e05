// The last of the files: starts every feature.

startHeartbeat();
startTips();
startRenewal();
startArrowKeys();
startUnfolding();
startCharts();
startFiles();
